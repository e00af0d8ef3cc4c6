import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pickLanguage } from '../../explorer/ui/stage/i18n.js';
import { TEXTS, words } from './runs.js';

test('a language that lacks texts falls back to English', () => {
  const more = words('xx', { ...TEXTS, xx: { 'bar.run': 'Xx' } });
  assert.equal(more.t('bar.run'), 'Xx');
  assert.equal(more.t('bar.image'), TEXTS.en['bar.image']);
  assert.ok(more.has('bar.image'));
  assert.equal(more.of({ en: 'dog', ko: '개' }), 'dog');
  assert.equal(words('ko').of({ en: 'dog', ko: '개' }), '개');
});

test('the language to begin with is one there is', () => {
  const asked = (query) => pickLanguage(new URLSearchParams(query), ['en', 'ko', 'xx']);
  assert.equal(asked('lang=ko-KR'), 'ko');
  assert.equal(asked('lang=xx'), 'xx');
  assert.equal(asked('lang=fr'), 'en');
});

test('numbers are written as people write them', () => {
  assert.equal(words().number(-1234567), '−1,234,567');
  assert.equal(words().count(752_000_000), '752 M');
  assert.equal(words('ko').count(752_000_000), '7.52억');
  assert.equal(words('ko').count(31_030_593), '3,100만');
  assert.equal(words('ko').count(33_900_000), '3,390만');
  assert.equal(words().percent(0.6665), '66.7 %'); // by its decimal digits, though binary makes it a little less
  assert.equal(words().percentWithin(0.6255, 0.0173), '62.6\u00a0±\u00a01.7\u00a0%');
  assert.equal(words().bytes(640 * 2 ** 20), '640 MiB');
});
