import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withParticles } from '../../explorer/ui/stage/particles.js';
import { TEXTS } from './runs.js';

// as a Korean reads them: 풀 사는, 풀 삼은, 업스코어 이는, 업스코어 팔은, 디 제로 씨는
const cases = {
  'pool4은(는)': 'pool4는', 'pool3은(는)': 'pool3은', 'upscore2을(를)': 'upscore2를', 'upscore8을(를)': 'upscore8을',
  'relu_d0c이(가)': 'relu_d0c가', 'pool5과(와)': 'pool5와', 'fc6과(와)': 'fc6과', 'fc7과(와)': 'fc7과',
  'input은(는)': 'input은', 'score을(를)': 'score를', '채널 10이(가)': '채널 10이', '채널 2이(가)': '채널 2가',
  '크롭(으)로': '크롭으로', '커널(으)로': '커널로', '이미지(으)로': '이미지로', '8(으)로': '8로', '6(으)로': '6으로',
  '입력은(는)': '입력은', '네트워크은(는)': '네트워크는', '“맵”을(를)': '“맵”을', '95%이(가)': '95%가',
  'U-Net(valid)은(는)': 'U-Net(valid)은', 'FCN-8s은(는)': 'FCN-8s는', '편향(0.2)을(를)': '편향(0.2)을',
};

test('particles follow the last sound of the word before them', () => {
  for (const [written, right] of Object.entries(cases)) assert.equal(withParticles(written), right);
  assert.equal(withParticles('pool3은(는) pool4을(를)'), 'pool3은 pool4를');
});

test('no particle is typed behind what is filled in', () => {
  const typed = /\{\w+\}[\]’”]*(은|는|이|가|을|를|과|와|로|으로)(?=[\s.,:;]|$)/u;
  const left = Object.entries(TEXTS.ko).filter(([, text]) => typed.test(text)).map(([key]) => key);
  assert.deepEqual(left, []);
});
